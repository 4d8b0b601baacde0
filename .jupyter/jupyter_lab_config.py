"""Settings for `make jupyter` that only JupyterLab knows: ask no server for news."""

c = get_config()  # noqa: F821  (Jupyter provides it)
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
