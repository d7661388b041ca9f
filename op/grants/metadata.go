package grants

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/op/clients"
	"qiao/storage"
)

// metadata is the provider's metadata (OpenID Connect Discovery §3, RFC 8414 §2, RFC 9207 §3). It names what works, and
// nothing else. The library's struct hard-codes RS256, implicit and more.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	AuthorizationEndpoint  string   `json:"authorization_endpoint"`
	TokenEndpoint          string   `json:"token_endpoint"`
	UserinfoEndpoint       string   `json:"userinfo_endpoint"`
	JWKSURI                string   `json:"jwks_uri"`
	EndSessionEndpoint     string   `json:"end_session_endpoint"`
	RevocationEndpoint     string   `json:"revocation_endpoint"`
	IntrospectionEndpoint  string   `json:"introspection_endpoint"`
	DeviceEndpoint         string   `json:"device_authorization_endpoint"` // RFC 8628 §4
	Scopes                 []string `json:"scopes_supported"`
	ResponseTypes          []string `json:"response_types_supported"`
	ResponseModes          []string `json:"response_modes_supported"`
	GrantTypes             []string `json:"grant_types_supported"`
	ACRs                   []string `json:"acr_values_supported"`
	SubjectTypes           []string `json:"subject_types_supported"`
	IDTokenAlgs            []string `json:"id_token_signing_alg_values_supported"`
	TokenAuth              []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth         []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth      []string `json:"introspection_endpoint_auth_methods_supported"`
	Challenges             []string `json:"code_challenge_methods_supported"`
	ClaimTypes             []string `json:"claim_types_supported"`
	Claims                 []string `json:"claims_supported"`
	Prompts                []string `json:"prompt_values_supported"`
	UILocales              []string `json:"ui_locales_supported"`
	IssParameter           bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter        bool     `json:"claims_parameter_supported"`
	RequestParameter       bool     `json:"request_parameter_supported"`
	RequestURIParameter    bool     `json:"request_uri_parameter_supported"` // left out it would mean true
	RequireURIRegistration bool     `json:"require_request_uri_registration"`
}

func buildMetadata(cfg Config) ([]byte, error) {
	at := func(path string) string { return strings.TrimSuffix(cfg.Issuer, "/") + path }
	doc, err := json.Marshal(metadata{
		Issuer:                cfg.Issuer,
		AuthorizationEndpoint: at("/authorize"),
		TokenEndpoint:         at(pathToken),
		UserinfoEndpoint:      at(pathUserinfo),
		JWKSURI:               at(pathKeys),
		EndSessionEndpoint:    at("/end_session"),
		RevocationEndpoint:    at(pathRevoke),
		IntrospectionEndpoint: at(pathIntrospect),
		DeviceEndpoint:        at(pathDeviceAuthorization),
		Scopes:                clients.Scopes(),
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		GrantTypes:            clients.GrantTypes(),
		ACRs:                  cfg.ACRs,
		SubjectTypes:          []string{"public"},
		IDTokenAlgs:           cfg.Keys.Algs(),
		TokenAuth:             clients.AuthMethods(),
		RevocationAuth:        clients.AuthMethods(),
		IntrospectionAuth:     []string{storage.AuthMethodBasic, storage.AuthMethodPost},
		Challenges:            []string{"S256"},
		ClaimTypes:            []string{"normal"},
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
			"name", "preferred_username", "updated_at", "phone_number", "phone_number_verified", "groups",
		},
		Prompts:      cfg.Prompts,
		UILocales:    cfg.UILocales,
		IssParameter: true,
	})
	if err != nil {
		return nil, fmt.Errorf("build metadata: %w", err)
	}
	return doc, nil
}

// Metadata is the provider's metadata as JSON: one document for both well-known addresses. The caller must not change
// it.
func (s *Server) Metadata() []byte { return s.metadata }

// Discovery serves the metadata.
func (s *Server) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return &op.Response{Header: cacheFor(10 * time.Minute), Data: json.RawMessage(s.metadata)}, nil
}

// Keys serves the JSON Web Key Set, cacheable for so long that a next key is in every cache before it signs.
func (s *Server) Keys(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return &op.Response{Header: cacheFor(s.cfg.Keys.JWKSMaxAge()), Data: json.RawMessage(s.cfg.Keys.JWKS())}, nil
}

func cacheFor(d time.Duration) http.Header {
	return http.Header{"Cache-Control": {"public, max-age=" + strconv.FormatInt(int64(d/time.Second), 10)}}
}
