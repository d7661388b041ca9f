package relational

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

// What strangers may send is stored in the room that it took on its way here, and comes back as it was.
func TestEncodeEscapesNothingForHTML(t *testing.T) {
	require.Equal(t, `["<a href=\"x\">&'",""]`, Strings([]string{`<a href="x">&'`, ""}))
	for _, c := range []string{"<", ">", "&", "ü", "桥"} {
		state := strings.Repeat(c, 4096/len(c))
		text := encode(storage.AuthParams{State: state})
		require.Less(t, len(text), 4096+64, c)
		var back storage.AuthParams
		require.NoError(t, decode(text, &back))
		require.Equal(t, state, back.State)
	}
}
