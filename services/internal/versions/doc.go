// Package versions has only tests: replicas of the release before and of this
// version work side by side on the same data.
package versions
