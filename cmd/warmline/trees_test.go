package main

import (
	"slices"
	"strings"
	"testing"
)

// A campaign names its tree by the name in the folder, or by a file; an English one
// stands in a folder of its own.
func TestTreesAreLoadedByNameOrFile(t *testing.T) {
	trees := newTrees("../../examples/dialogs")
	for given, want := range map[string]string{
		"heat": "heat", "en/heat": "heat-en", "../../examples/dialogs/survey.yaml": "survey", "../../examples/dialogs/en/win-back.yaml": "win-back-en",
	} {
		tree, src, err := trees.load(given)
		if err != nil || tree.Name() != want || len(src) == 0 {
			t.Errorf("%s is %v, %v; want %s", given, tree, err, want)
		}
	}
	if _, _, err := trees.load("hail"); err == nil || !strings.Contains(err.Error(), "known: birthday, en/birthday, ") {
		t.Errorf("an unknown tree: %v", err)
	}
	if names := trees.names(); len(names) != 25 || !slices.Contains(names, "en/rain-typhoon") {
		t.Errorf("the folder has %v", names)
	}
}
