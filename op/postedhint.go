package op

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"time"
)

// A posted id_token_hint travels on sealed: it names a person and their phone, and addresses stay in logs and histories.
const (
	hintParam   = "id_token_hint"
	sealedParam = "sealed_hint"
	hintPurpose = "posted hint"
	hintLife    = 5 * time.Minute // for the one redirect; an old one counts as left out
	maxHint     = 8192
	maxSealed   = 12 << 10
)

// sealHint replaces a form's hint by its sealed form. One that is too long, or there twice, is left to be refused.
func (p *Provider) sealHint(form url.Values) {
	if hints := form[hintParam]; len(hints) != 1 || hints[0] == "" || len(hints[0]) > maxHint {
		return
	}
	until := binary.BigEndian.AppendUint64(nil, uint64(p.now().Add(hintLife).Unix()))
	sealed := p.box.Seal(hintPurpose, append(until, form.Get(hintParam)...))
	form.Del(hintParam)
	form.Set(sealedParam, base64.RawURLEncoding.EncodeToString(sealed))
}

// params are the known parameters of a request, with the hint that postToGet sealed.
func (p *Provider) params(rawQuery string, limits map[string]int) (map[string]string, error) {
	params, err := parseParams(rawQuery, limits)
	if err != nil || params[sealedParam] == "" {
		return params, err
	}
	if params[hintParam] != "" {
		return nil, badRequest("id_token_hint is there more than once")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(params[sealedParam])
	if err != nil {
		return nil, badRequest("sealed_hint is not one of ours")
	}
	plain, err := p.box.Open(hintPurpose, sealed)
	if err != nil || len(plain) < 8 {
		return nil, badRequest("sealed_hint is not one of ours")
	}
	if p.now().Unix() < int64(binary.BigEndian.Uint64(plain)) {
		params[hintParam] = string(plain[8:])
	}
	return params, nil
}
