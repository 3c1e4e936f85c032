package legacyconfig

// KindFields returns the fields of each kind, with a star behind those that are required.
func KindFields() map[string][]string {
	all := make(map[string][]string)
	for name, k := range kinds {
		all[name] = k.fields()
	}
	return all
}
