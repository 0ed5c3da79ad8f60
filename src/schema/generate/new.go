//go:build !v1_24

package main

var oldRoots []any
