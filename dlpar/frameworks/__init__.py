"""The systems of the lecture's survey, one short file each: they only compose the other rooms."""
