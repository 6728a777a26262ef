"""The peers, one file each, in the configuration that their documentation gives for the purpose."""
