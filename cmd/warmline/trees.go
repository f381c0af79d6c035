package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"warmline/dialogs"
)

// trees parses dialog trees once per version.
type trees struct {
	dir string
	mu  sync.Mutex
	at  map[string]*dialogs.Tree // source → tree
}

func newTrees(dir string) *trees { return &trees{dir: dir, at: map[string]*dialogs.Tree{}} }

// parse gives the tree of a source that a campaign was approved with.
func (t *trees) parse(name string, src []byte) (*dialogs.Tree, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tree, ok := t.at[string(src)]; ok {
		return tree, nil
	}
	tree, err := dialogs.Parse(name, src)
	if err != nil {
		return nil, err
	}
	t.at[string(src)] = tree
	return tree, nil
}

// load reads a tree by file path, or by name from the dialogs folder: heat, en/heat.
func (t *trees) load(nameOrFile string) (*dialogs.Tree, []byte, error) {
	path := nameOrFile
	if filepath.Ext(path) == "" {
		path = filepath.Join(t.dir, nameOrFile+".yaml")
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("dialog tree %q: %w; known: %s", nameOrFile, err, strings.Join(t.names(), ", "))
	}
	tree, err := t.parse(path, src)
	return tree, src, err
}

// names lists the trees of the folder and of the folders of languages in it.
func (t *trees) names() []string {
	var names []string
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		files, _ := filepath.Glob(filepath.Join(t.dir, pattern))
		for _, f := range files {
			if name, err := filepath.Rel(t.dir, strings.TrimSuffix(f, ".yaml")); err == nil {
				names = append(names, filepath.ToSlash(name))
			}
		}
	}
	slices.Sort(names)
	return names
}

// parseFile reads a tree with what it includes from beside it.
func parseFile(file string) (*dialogs.Tree, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("reading the dialog tree: %w", err)
	}
	return dialogs.ParseFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
}
