package clients

import (
	"net/url"
	"slices"
	"strings"

	"qiao/storage"
)

// Origins lists the web origins of the client's redirect URIs, as a browser writes them in Origin: lower case, without
// a default port. These pages may call the token endpoint and userinfo by script.
func Origins(client storage.Client) []string {
	var origins []string
	for _, uri := range client.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			continue
		}
		host := strings.ToLower(u.Host)
		switch u.Scheme {
		case "https":
			host = strings.TrimSuffix(host, ":443")
		case "http":
			host = strings.TrimSuffix(host, ":80")
		}
		if origin := u.Scheme + "://" + host; !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}
