package config

// FromVariables is one layer of Resolve, without a profile.
var FromVariables = fromVariables

// Table is every setting, for what must hold for each of them.
func Table() []setting { return table }
