// Package clients knows the relying parties: it caches them, authenticates them at every endpoint by one function,
// matches their redirect URIs and says what is wrong with a registration.
package clients
