// Package edit changes numbers in a topology file and leaves every other byte as it is: comments,
// order, indentation, quoting, line endings.
//
// The YAML parser says where a value is; the bytes are changed there, and the result is read
// again and compared with what was there before, value by value. Where that does not
// prove that the wanted numbers alone have changed, the edit is refused.
//
// The package is pure: it reads no disk, no network and no clock.
package edit
