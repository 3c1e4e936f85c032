package throttle

// DeviceMAC computes the MAC at the end of a device cookie's value.
var DeviceMAC, EarlierDeviceMAC = deviceMAC, earlierDeviceMAC
