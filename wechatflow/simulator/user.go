package simulator

import "strconv"

// userInfo says whether somebody follows. There is no nickname and no picture since 2021-12-27, and little else of those
// who do not follow.
func (s *Simulator) userInfo(c *call) (any, error) {
	rel, err := s.follower(c, c.query("openid"))
	if err != nil {
		return nil, err
	}
	if !rel.following {
		return map[string]any{"subscribe": 0, "openid": rel.openID, "tagid_list": []int{}}, nil
	}
	info := map[string]any{
		"subscribe": 1, "openid": rel.openID, "language": "zh_CN", "subscribe_time": rel.followedAt.Unix(),
		"remark": "", "groupid": 0, "tagid_list": []int{}, "subscribe_scene": "ADD_SCENE_SEARCH",
		"qr_scene": 0, "qr_scene_str": "",
	}
	if !c.account.Standalone {
		info["unionid"] = rel.person.unionID
	}
	if with := rel.followedWith; with != nil {
		info["subscribe_scene"] = "ADD_SCENE_QR_CODE"
		if with.numeric {
			info["qr_scene"], _ = strconv.Atoi(with.scene)
		} else {
			info["qr_scene_str"] = with.scene
		}
	}
	return info, nil
}

// follower finds whom an openid of this account stands for.
func (s *Simulator) follower(c *call, openID string) (*relation, error) {
	if openID == "" {
		return nil, platformError(41009)
	}
	rel := s.openIDs[openID]
	if rel == nil || rel.account != c.account {
		return nil, platformError(40003)
	}
	return rel, nil
}
