package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"quorate.dev/quorate/planner"
)

// planLimit is far above what a plan of a thousand clusters takes.
const planLimit = 256 << 20

// readPlan reads a saved plan; whatever is wrong with it is invalid input.
func readPlan(file string) (*planner.Saved, error) {
	data, err := readPlanFile(file)
	if err != nil {
		return nil, invalidInput{err}
	}
	saved, err := planner.DecodeSaved(data)
	if err != nil {
		return nil, invalidInput{fmt.Errorf("%s: %w", file, err)}
	}
	return saved, nil
}

func readPlanFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist; save a plan with `quorate plan -o %s`", file, file)
	case err != nil:
		return nil, fmt.Errorf("read the saved plan: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file; a saved plan is one", file)
	case info.Size() > planLimit:
		return nil, fmt.Errorf("%s has %d bytes; a plan is never that large", file, info.Size())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	return data, nil
}

// checkPlanName refuses what was hardly meant to name a file: nothing, as a script's unset variable is,
// standard output, and the formats that other tools take by -o.
func checkPlanName(file string) error {
	switch file {
	case "":
		return errors.New("-o names no file: name the one in which the plan is to be saved, or leave -o out")
	case "-":
		return errors.New("a plan is saved in a file that its owner alone can read, not on standard output: name one with -o; to print it: quorate plan --output json")
	case "json", "text", "yaml", "wide":
		return fmt.Errorf("-o saves the plan in a file; to print it as JSON: quorate plan --output json; to save it in a file of this name: -o ./%s", file)
	}
	return nil
}

// mayWritePlan refuses to put a plan where anything else is; an earlier plan is replaced. It
// is asked before clusters are, so that nobody waits for a plan that cannot be kept.
func mayWritePlan(file string) error {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(file)); err != nil {
			return invalidInput{fmt.Errorf("save the plan: %w", err)}
		}
		return nil
	case err != nil:
		return invalidInput{fmt.Errorf("save the plan: %w", err)}
	case !info.Mode().IsRegular():
		return invalidInput{fmt.Errorf("%s is no regular file; name another one with -o", file)}
	}
	if _, err := readPlan(file); errors.Is(err, planner.ErrNotSaved) || info.Size() > planLimit {
		return invalidInput{fmt.Errorf("%s is there already and is no saved plan; remove it, or name another one with -o", file)}
	}
	return nil
}

// writePlan puts a saved plan in place at once, for its owner alone: a reader sees the one
// before, or all of this one.
func writePlan(file string, saved *planner.Saved) (err error) {
	data, err := planner.EncodeSaved(saved)
	if err != nil {
		return err
	}
	if err := mayWritePlan(file); err != nil {
		return err
	}
	dir := filepath.Dir(file)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save the plan in %s: %w", file, err), os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), file); err != nil {
		return err
	}
	return syncDir(dir)
}
