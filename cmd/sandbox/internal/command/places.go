package command

import (
	"fmt"
	"io"

	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// outsideOf lists the outside places of a sandbox; a place is described even while nothing runs there.
func outsideOf(spec *state.Spec) []clusters.Place {
	layout, err := places.Of(spec)
	if err != nil {
		return nil // the clusters' health has told already
	}
	var outside []clusters.Place
	for _, place := range layout.Places {
		if place.Kind == places.Outside {
			outside = append(outside, clusters.Place{Name: place.Name, Address: place.Address.String()})
		}
	}
	return outside
}

// writePlaces prints where everything is, and who is cut off from whom.
func (d statusDocument) writePlaces(table io.Writer) {
	fmt.Fprintln(table, "\nPLACE\tKIND\tRUNS\tADDRESS\tPODS\tZONE")
	for _, cluster := range d.Clusters {
		for _, place := range cluster.Places {
			kind := places.ControlPlane
			if place.Pods != "" {
				kind = places.Node
			}
			fmt.Fprintf(table, "%s\t%s\t%t\t%s\t%s\t%s\n", place.Name, kind, place.Runs, place.Address, orDash(place.Pods), orDash(place.Zone))
		}
	}
	for _, place := range d.Outside {
		fmt.Fprintf(table, "%s\t%s\t-\t%s\t-\t-\n", place.Name, places.Outside, place.Address)
	}
	fmt.Fprintln(table)
	for _, partition := range d.Partitions {
		arrow := "and"
		if partition.OneWay {
			arrow = "cannot connect to"
		}
		fmt.Fprintf(table, "partition: %s %s %s\n", partition.From, arrow, partition.To)
	}
	if len(d.Partitions) == 0 {
		fmt.Fprintln(table, "partition: none")
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
