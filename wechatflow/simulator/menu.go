package simulator

import "net/http"

// menu is the account's own menu below the chat.
type menu struct {
	Buttons []button `json:"button"`
}

type button struct {
	Type string   `json:"type,omitempty"`
	Name string   `json:"name"`
	Key  string   `json:"key,omitempty"`
	URL  string   `json:"url,omitempty"`
	Sub  []button `json:"sub_button"`
}

// createMenu sets the menu: up to three buttons, each with up to five below it.
func (s *Simulator) createMenu(c *call) (any, error) {
	var in menu
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if len(in.Buttons) == 0 || len(in.Buttons) > 3 {
		return nil, platformError(40016)
	}
	for i, b := range in.Buttons {
		if len(b.Sub) > 5 {
			return nil, platformError(40016)
		}
		if b.Sub == nil {
			in.Buttons[i].Sub = []button{}
		}
		for j := range b.Sub {
			b.Sub[j].Sub = []button{}
		}
	}
	c.account.menu = &in
	return fine(), nil
}

func (s *Simulator) getMenu(c *call) (any, error) {
	if c.account.menu == nil {
		return nil, platformError(46003)
	}
	return map[string]any{"menu": c.account.menu}, nil
}

func (s *Simulator) deleteMenu(c *call) (any, error) {
	c.account.menu = nil
	return fine(), nil
}

// tapMenu taps a menu item: CLICK with its key, or VIEW with its address where the account's menu has such an item.
func (s *Simulator) tapMenu(r *http.Request) (any, error) {
	var in struct {
		Account string `json:"account"`
		Key     string `json:"key"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if in.Key == "" || len(in.Key) > 1024 || !printable(in.Key) {
		return nil, malformed("key is the key of a menu item")
	}
	return s.perform(r, func() (gesture, *delivery, error) {
		rel, err := s.followingOf(r, in.Account)
		if err != nil {
			return gesture{}, nil, err
		}
		done := rel.outcome(outcomeEvent)
		if rel.account.menu.leadsTo(in.Key) {
			done.URL = in.Key
			return done, s.push(rel, eventXML(rel, s.now(), "VIEW", in.Key, ""), true), nil
		}
		rel.allow(afterScan, s.now())
		return done, s.push(rel, eventXML(rel, s.now(), "CLICK", in.Key, ""), false), nil
	})
}

func (m *menu) leadsTo(address string) bool {
	if m == nil {
		return false
	}
	for _, b := range m.Buttons {
		for _, item := range append([]button{b}, b.Sub...) {
			if item.Type == "view" && item.URL == address {
				return true
			}
		}
	}
	return false
}
