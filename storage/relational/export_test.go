package relational

// EndStatement is a statement that ends grants, with arguments of its parameters' types and the index that it must go by.
type EndStatement struct {
	Query string
	Args  []any
	Index string
}

// EndStatements are all that end the grants of a user, a session or a client.
func EndStatements() []EndStatement {
	return []EndStatement{
		{revokeUsers, []any{int64(1), "u1"}, "grants_user"},
		{revokeClients, []any{int64(1), "c1"}, "grants_client"},
		{revokeSessions, []any{int64(1), []byte{1}, []byte{1}}, "grants_user"},
	}
}
