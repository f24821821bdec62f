package audio

var kernels = []kernel{{"portable", convolvePortable}, {"neon", convolveNEON}}
