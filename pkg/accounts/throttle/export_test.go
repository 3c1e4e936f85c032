package throttle

// DeviceMAC is how the value of a device's cookie ends.
var DeviceMAC = deviceMAC
