package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/kustomize/tree"
)

func (a *app) renderCommand() *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "render -o DIR",
		Short: "Write the kustomize base and one overlay a cluster",
		Long: "render writes DIR/base and DIR/overlays/<cluster>, plain kustomize directories that work with\n" +
			"kubectl apply -k, Argo CD or Flux as well. It removes only files that it wrote itself, and\n" +
			"refuses a directory that holds files of others or files of its own that were changed by hand.",
		Example: "  quorate render -o rendered\n  kubectl kustomize rendered/overlays/use1",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.render(cmd.Context(), dir, force) },
	}
	cmd.Flags().StringVarP(&dir, "out", "o", "rendered", "the `directory` to write")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files of ours that were changed by hand")
	return cmd
}

func (a *app) render(ctx context.Context, dir string, force bool) error {
	d, err := a.load(ctx)
	if err != nil {
		return err
	}
	if err := tree.Write(dir, d.rendering, tree.Options{Force: force}); err != nil {
		err = fmt.Errorf("render %s into %s: %w", d.topology.Metadata.Name, dir, err)
		if _, disk := errors.AsType[*fs.PathError](err); disk {
			return err // the disk refuses, not the input
		}
		return advised{invalidInput{err}, "name another directory with -o, move what is not of quorate out of this one, or pass --force to lose changes made by hand"}
	}
	directories := map[string]string{}
	for _, overlay := range d.rendering.Overlays {
		directories[overlay.Cluster] = filepath.ToSlash(filepath.Join(dir, overlay.Dir))
	}
	if a.json() {
		return view.RenderedJSON(a.out, directories)
	}
	for _, overlay := range d.rendering.Overlays {
		fmt.Fprintln(a.out, directories[overlay.Cluster])
	}
	return nil
}
