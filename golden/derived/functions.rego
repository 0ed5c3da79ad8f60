package derived

ok(s) {
	lower(s) != "foo"
}

f(s) = lower(s)

good(image) {
	startswith(image, "good/")
}

good(image) {
	startswith(image, "fine/")
}

known(app) {
	app == "a"
}

known(app) {
	app == "other"
}

tagged(image) {
	contains(image, ":")
}

g(s) = [lower(t[0]), t[1]] {
	t := split(s, "-")
}

h(level) = [substring(level, 0, colon), sort(split(substring(level, colon + 1, -1), ","))] {
	colon := indexof(level, ":")
}
