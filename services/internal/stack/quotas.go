package stack

import "maps"

// WithHighQuotas adds quotas to settings that no load of a test or a drill meets: its few customers buy as hundreds
// would. What settings say themselves wins.
func WithHighQuotas(settings map[string]string) map[string]string {
	const high = "1000000000"
	all := map[string]string{
		"QUOTA_OPEN_PURCHASES": high, "QUOTA_OPEN_LINES": high, "QUOTA_OPEN_PIECES": high, "QUOTA_PRODUCT_PIECES": high,
		"QUOTA_DAY_BYTES": high, "QUOTA_DAY_KEYS": high, "QUOTA_SHARE_PERCENT": "100", "QUOTA_ADDRESS_PERCENT": "100",
		"QUOTA_DAY_SHARE_PERCENT": "100", "QUOTA_DAY_ADDRESS_PERCENT": "100", "COOL_DOWN": "0s",
	}
	maps.Copy(all, settings)
	return all
}
