//go:build !race

package rollout_test

// raceEnabled: the race detector makes everything several times slower.
const raceEnabled = false
