"""The device and the types to compute with."""

import multiprocessing

import torch


def resolve_device(device, *, fall_back=False):
    """Find the device that a name stands for.

    Parameters
    ----------
    device : str or torch.device
        "auto" is a GPU if there is one and this is not a worker process (several workers on one GPU would
        run out of its memory), else the CPU. Anything else is torch's name of a device.
    fall_back : bool, default=False
        Whether a device that is not available becomes the CPU; otherwise it is an error.

    Returns
    -------
    torch.device
        A device that is available.

    Raises
    ------
    ValueError
        If the device is unknown or not available.

    Examples
    --------
    >>> from sklearn_rnn.training import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        is_worker = multiprocessing.parent_process() is not None
        return torch.device("cuda" if torch.cuda.is_available() and not is_worker else "cpu")
    try:
        found = torch.device(device)
        torch.empty(1, device=found).item()  # fails on "meta", which holds no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if fall_back:
            return torch.device("cpu")
        hint = "Did you mean 'cuda'? " if str(device).lower().split(":")[0] == "gpu" else ""
        raise ValueError(
            f"device={device!r} is not available here: {str(error).splitlines()[0].rstrip('.')}. "
            f"{hint}Use device='auto' or device='cpu'."
        ) from error
    return found


def resolve_dtype(dtype, device, *, fall_back=False):
    """Find the types that a name stands for.

    Parameters
    ----------
    dtype : {"auto", "float32", "float64", "bfloat16"}
        "bfloat16" is mixed precision on a GPU: the recurrent kernels compute with 16 bits, all else with 32.
        "auto" is that on a GPU that is made for it, else "float32".
    device : torch.device
        Where to compute.
    fall_back : bool, default=False
        Whether "bfloat16" becomes "float32" where there is no GPU; otherwise it is an error.

    Returns
    -------
    weights : torch.dtype
        The type of weights, losses and gradients.
    kernels : torch.dtype or None
        The type of the recurrent kernels, if it is another.

    Raises
    ------
    ValueError
        If "bfloat16" is requested on a device other than a GPU.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training import resolve_dtype
    >>> resolve_dtype("auto", torch.device("cpu"))
    (torch.float32, None)
    """
    is_gpu = device.type == "cuda"
    if dtype == "auto":
        is_made_for_it = is_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = "bfloat16" if is_made_for_it else "float32"
    if dtype != "bfloat16":
        return getattr(torch, dtype), None
    if not is_gpu and not fall_back:
        raise ValueError(
            f"dtype='bfloat16' is mixed precision on a GPU, but the device is {str(device)!r}. "
            "Use dtype='auto', which is 'float32' there."
        )
    return torch.float32, torch.bfloat16 if is_gpu else None
