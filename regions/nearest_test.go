package regions

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"profile", "image", "storage", "resources", "regions", "rollout"}
	tests := []struct{ word, want string }{
		{"imgae", "image"},
		{"Image", "image"},
		{"images", "image"},
		{"region", "regions"},
		{"res", "resources"},
		{"storages3", "storage"},
		{"stor", "storage"},
		{"xyzzy", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.word, known); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"flat", "falt", 1}, {"abc", "abc", 0},
	}
	for _, tt := range tests {
		if got, back := distance(tt.a, tt.b), distance(tt.b, tt.a); got != tt.want || back != tt.want {
			t.Errorf("distance(%q, %q) = %d and %d, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}
