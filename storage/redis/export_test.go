package redis

import "time"

// Quiet is the configuration with another patience for a silent subscription.
func (c Config) Quiet(d time.Duration) Config {
	c.quiet = d
	return c
}
