"""`python -m caffe`: the command `caffe`."""
from caffe_command import main

main()
