"""Where to compute."""

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
        Whether a device that is not there becomes the CPU; else it is an error.

    Returns
    -------
    torch.device
        A device that is there.

    Raises
    ------
    ValueError
        If the device is unknown or not there.

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
        raise ValueError(
            f"device={device!r} is not available here: {str(error).splitlines()[0].rstrip('.')}. "
            "Use device='auto' or device='cpu'."
        ) from error
    return found
