package clients

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"qiao/op/keys"
	"qiao/storage"
)

// Grant types that a client may be registered for.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code" // RFC 8628
)

// Scopes that the provider knows.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopePhone         = "phone"
	ScopeGroups        = "groups"
	ScopeOfflineAccess = "offline_access"
	ScopeEmail         = "email" // only for a client with an EmailDomain
)

// Scopes lists the scopes that any client may be registered for.
func Scopes() []string {
	return []string{ScopeOpenID, ScopeProfile, ScopePhone, ScopeGroups, ScopeOfflineAccess}
}

// GrantTypes lists the grant types that the token endpoint serves.
func GrantTypes() []string {
	return []string{GrantAuthorizationCode, GrantRefreshToken, GrantDeviceCode}
}

// AuthMethods lists the ways to authenticate a client.
func AuthMethods() []string {
	return []string{storage.AuthMethodBasic, storage.AuthMethodPost, storage.AuthMethodNone}
}

const (
	maxURIs = 50
	maxName = 100 // characters: it is shown on a phone
)

// Validate reports everything that is wrong with a registration, each fault with what to change; nil when nothing is.
func Validate(c storage.Client) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`).MatchString(c.ID) {
		fault("client_id %q: use 1 to 128 of the characters A-Z a-z 0-9 . _ -, beginning with a letter or digit", c.ID)
	}
	if n := utf8.RuneCountInString(c.Name); strings.TrimSpace(c.Name) == "" || n > maxName || !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, notShown) {
		fault("client_name: it is what people see when they confirm: 1 to %d visible characters", maxName)
	}
	validateAuthentication(c, fault)
	validateGrants(c, fault)
	validateURIs(c, fault)
	if c.IDTokenAlg != keys.ES256 && c.IDTokenAlg != keys.RS256 {
		fault("id_token_signed_response_alg %q: use ES256 or RS256", c.IDTokenAlg)
	}
	if c.EmailDomain != "" && !regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`).MatchString(c.EmailDomain) {
		fault("email_domain %q: use a lower-case domain name such as users.example.com", c.EmailDomain)
	}
	if c.Source != "cli" && c.Source != "config" {
		fault("source %q: use cli or config", c.Source)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("client %q: %w", c.ID, errors.Join(faults...))
}

func validateAuthentication(c storage.Client, fault func(string, ...any)) {
	unique(c.AuthMethods, "token_endpoint_auth_methods", AuthMethods(), fault)
	switch {
	case len(c.AuthMethods) == 0:
		fault("token_endpoint_auth_methods: name at least one of %s", strings.Join(AuthMethods(), ", "))
	case c.Public() && len(c.AuthMethods) > 1:
		fault("token_endpoint_auth_methods: none stands alone, or the secret would prove nothing")
	case c.Public() && len(c.SecretHash) > 0:
		fault("secret: a client with the method none has no secret")
	case !c.Public() && len(c.SecretHash) != 32:
		fault("secret: a client with %s has a generated secret", strings.Join(c.AuthMethods, " or "))
	}
}

func validateGrants(c storage.Client, fault func(string, ...any)) {
	unique(c.GrantTypes, "grant_types", GrantTypes(), fault)
	if !c.HasGrantType(GrantAuthorizationCode) && !c.HasGrantType(GrantDeviceCode) {
		fault("grant_types: authorization_code is needed, or %s for TVs", GrantDeviceCode)
	}
	allowed := Scopes()
	if c.EmailDomain != "" {
		allowed = append(allowed, ScopeEmail)
	}
	unique(c.Scopes, "scopes", allowed, fault)
	if !slices.Contains(c.Scopes, ScopeOpenID) {
		fault("scopes: openid is needed")
	}
	if slices.Contains(c.Scopes, ScopeOfflineAccess) && !c.HasGrantType(GrantRefreshToken) {
		fault("scopes: offline_access needs the grant type refresh_token")
	}
}

// unique reports values that are not allowed or there twice.
func unique(values []string, name string, allowed []string, fault func(string, ...any)) {
	for i, v := range values {
		switch {
		case !slices.Contains(allowed, v):
			fault("%s: %q is not known here: use %s", name, v, strings.Join(allowed, ", "))
		case slices.Contains(values[:i], v):
			fault("%s: %q is there twice", name, v)
		}
	}
}

// notShown are the characters that a person does not see, or that change how the others are shown: a name could pass
// for another one with them.
func notShown(r rune) bool {
	return !unicode.IsPrint(r) && r != ' ' || unicode.Is(unicode.Cf, r)
}
