package op

import "net/http"

// cancel answers the post of the login page's way out: the client hears that the person declined.
func (p *Provider) cancel(w http.ResponseWriter, r *http.Request) {
	request, _, err := p.posted(w, r, loginPurpose)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	p.end(w, r, request, accessDenied())
}

func accessDenied() *protocolError {
	return &protocolError{"access_denied", "the person declined"}
}
