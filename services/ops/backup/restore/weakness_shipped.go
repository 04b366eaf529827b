//go:build !drill

package restore

func setsMark() bool { return true }
