package relational

// Store implements the transitions of storage.Store that are not hot. The driver packages embed it.
type Store struct {
	DB DB
}
