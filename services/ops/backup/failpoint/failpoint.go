// Package failpoint names the points at which tests kill the backup service and a restore.
package failpoint

// Points lists the failpoints of the backup service, in the order in which a backup comes by them.
func Points() []string {
	return []string{
		"backup-captured", "backup-manifest-read", "backup-base-linked", "backup-linked", "backup-sealing", "backup-sealed",
		"backup-all-sealed", "backup-ended",
		"ship-before-put", "ship-putting", "ship-put", "ship-read-back", "ship-sidecar", "ship-full", "ship-spool-removed", "ship-retention",
		"verify-began", "verify-checking", "verify-checked", "verify-extracting", "verify-extracted", "verify-loaded", "verify-reconciled",
		"verify-noted",
	}
}

// RestorePoints lists the failpoints of a restore, in its order.
func RestorePoints() []string {
	return []string{
		"restore-extracted", "restore-cut", "restore-prepared", "restore-held", "restore-aside", "restore-flushed", "restore-loading",
		"restore-loaded", "restore-opened",
	}
}
