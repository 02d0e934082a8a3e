"""Every getter of nvidia-ml-py that takes a device alone, on GPU 3: its value, or its error."""
import ctypes
import inspect
import pynvml

# They move with time.
MOVING = {"PowerUsage", "TotalEnergyConsumption", "MarginTemperature", "IrqNum"}


def shown(value):
    if isinstance(value, ctypes.Structure):
        fields = ((field[0], getattr(value, field[0])) for field in value._fields_)
        return "{" + ", ".join(f"{name}: {shown(it)}" for name, it in fields) + "}"
    if isinstance(value, ctypes.Array):
        return "[" + ", ".join(shown(it) for it in value) + "]"
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(it) for it in value) + "]"
    return str(value)


try:
    pynvml.nvmlInit()
except pynvml.NVMLError as error:
    raise SystemExit(f"error: {error}")
print("driver", pynvml.nvmlSystemGetDriverVersion(), "nvml", pynvml.nvmlSystemGetNVMLVersion())
for index in range(pynvml.nvmlDeviceGetCount()):
    try:
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        print(index, pynvml.nvmlDeviceGetName(device), pynvml.nvmlDeviceGetUUID(device))
    except pynvml.NVMLError as error:
        print(index, "error:", error)
try:
    device = pynvml.nvmlDeviceGetHandleByIndex(3)
except pynvml.NVMLError:
    raise SystemExit(0)
for name in sorted(dir(pynvml)):
    call = getattr(pynvml, name)
    if not name.startswith("nvmlDeviceGet") or name.startswith("nvmlDeviceGetHandle"):
        continue
    needed = [it for it in inspect.signature(call).parameters.values() if it.default is it.empty]
    if len(needed) != 1:
        continue
    try:
        value = shown(call(device))
    except pynvml.NVMLError as error:
        value = f"error: {error}"
    short = name.removeprefix("nvmlDeviceGet")
    print(short, "MOVES" if short in MOVING and not value.startswith("error") else value)
