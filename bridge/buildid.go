package main

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
)

// readBuildID is the linker's build id of the ELF file at path.
func readBuildID(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	section := f.Section(".note.gnu.build-id")
	if section == nil {
		return "", fmt.Errorf("%s has no build id", path)
	}
	note, err := section.Data()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(note), nil
}
