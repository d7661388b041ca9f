package storagetest

import (
	"maps"
	"slices"
	"testing"

	"qiao/storage"
)

type story func(world)

// TestStore is the contract of storage.Store. open returns two handles of the same fresh store, as two replicas hold
// them, or one handle twice; it closes them with t.Cleanup. Each story has a store of its own.
func TestStore(t *testing.T, open func(t *testing.T) (a, b storage.Store)) {
	for group, stories := range map[string]map[string]story{
		"clients":          clientStories(),
		"keys":             keyStories(),
		"users":            userStories(),
		"follow":           followStories(),
		"attempts":         attemptStories(),
		"scan":             scanStories(),
		"scan alone":       aloneStories(),
		"confirm":          confirmStories(),
		"bind":             bindStories(),
		"complete":         completeStories(),
		"notices":          noticeStories(),
		"phone changes":    phoneChangeStories(),
		"sessions":         sessionStories(),
		"codes":            codeStories(),
		"refresh":          refreshStories(),
		"replays":          replayStories(),
		"ends":             endStories(),
		"account":          accountStories(),
		"devices":          deviceStories(),
		"device scans":     deviceScanStories(),
		"device approvals": deviceApprovalStories(),
		"device binds":     deviceBindStories(),
		"device typed":     deviceTypedStories(),
		"device ends":      deviceEndStories(),
		"device redeems":   deviceRedeemStories(),
		"device declines":  deviceDeclineStories(),
		"operations":       operationStories(),
	} {
		t.Run(group, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(stories)) {
				t.Run(name, func(t *testing.T) {
					a, b := open(t)
					stories[name](world{t, a, b})
				})
			}
		})
	}
}
