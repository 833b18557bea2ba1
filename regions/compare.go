package regions

import "strings"

// compareStrings compares pairs in turn and returns the first difference.
func compareStrings(pairs ...[2]string) int {
	for _, p := range pairs {
		if c := strings.Compare(p[0], p[1]); c != 0 {
			return c
		}
	}
	return 0
}
