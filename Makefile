# From raw video frames to the paper's tables: the order of the steps and their defaults. README.md explains them.
#
#   make demo                     everything below, on synthetic data and a slim net
#   make test                     the tests
#   make lint                     ruff, as ruff.toml has it
#
#   make align folds train predict evaluate       the real thing, DATA being the dataset
#   make train VARIANT=l1_center_l1 FOLD=3 JOBS=4
#   make identities pretrain DATA=faces           a trunk of your own, DATA being a folder a person
#   make verify DATA=data/lfw                     how well a trunk tells people apart
#   make transfer                                 what fine-tuning from a trunk gains, on synthetic data
#   make app                                      a page for videos, with the trained model or else the demo's

DATA ?= $(if $(filter synthetic,$(MAKECMDGOALS)),data/synthetic,data/unbc)
VARIANT ?= smooth_l1_center_l1_sampling
# One fold's number, or empty for all of them.
FOLD ?=
# Processes in align and folds, trainings at a time in train.
JOBS ?= 2
# The caffemodel to fine-tune from, or empty to train from scratch: caffe-face's, or else what `make pretrain` made.
WEIGHTS ?= $(firstword $(wildcard $(MODELS)/face_model.caffemodel $(MODELS)/face_verification.caffemodel) \
    $(MODELS)/face_model.caffemodel)
# More arguments for pretrain.py, such as --at-a-time 64 for less memory.
PRETRAIN ?=
# The folder with data/, models/ and prototxt/ in it.
WORK ?= .
# Which Caffe: engine (engine/, on PyTorch), bvlc (the genuine one in .bvlc, made by `make bvlc`), or system (`caffe` and
# `python` on the PATH).
CAFFE ?= engine
# Where `make report` and `make evaluate.pyz` put what they make.
REPORT ?= $(WORK)/report
PYZ ?= evaluate.pyz
# The number of the GPU to train and predict on, or empty for the CPU. BVLC's in .bvlc has the CPU only.
GPU ?=
# 1: train in bfloat16, where the engine can.
BF16 ?=

# What `make app` rates videos with, the port it serves, and more arguments for app.py, such as --host 0.0.0.0.
MODEL ?= $(firstword $(wildcard $(MODELS)/$(VARIANT) $(DEMO)/models/$(VARIANT)))
PORT ?= 8765
APP ?=

# The demo: its folder, and its size. The trunk learns from the people, and is tested on strangers; subjects have pain.
DEMO ?= demo
PEOPLE ?= 150
STRANGERS ?= 60
IMAGES ?= 16
SUBJECTS ?= 4
FRAMES ?= 60
PRETRAIN_ITERATIONS ?= 600
ITERATIONS ?= 400
# The experiment of `make transfer`: its folder, subjects, and trainings of each kind.
TRANSFER ?= transfer
TRANSFER_SUBJECTS ?= 6
SEEDS ?= 2

PYTHON3 ?= python3
PYTHON = .venv/bin/python
SETUP = .venv/ready
ifeq ($(CAFFE),engine)
  CAFFE_PYTHON = $(PYTHON)
  CAFFE_COMMAND = $(CURDIR)/.venv/bin/caffe
  CAFFE_SETUP = $(SETUP)
else ifeq ($(CAFFE),bvlc)
  CAFFE_PYTHON = .bvlc/bin/python
  CAFFE_COMMAND = $(CURDIR)/.bvlc/bin/caffe
  CAFFE_SETUP = .bvlc/bin/caffe
else ifeq ($(CAFFE),system)
  PYTHON = python
  SETUP =
  CAFFE_PYTHON = python
  CAFFE_COMMAND = caffe
else
  $(error CAFFE=$(CAFFE): there is engine, bvlc and system)
endif

ALIGNED = $(WORK)/data/aligned
FOLDS = $(WORK)/data/folds
MODELS = $(WORK)/models
SOLVER = $(WORK)/prototxt/solvers/$(VARIANT).prototxt
ONE_FOLD = $(if $(FOLD),--fold $(FOLD))
ON_GPU = $(if $(GPU),--gpu $(GPU))

.PHONY: demo trained_trunk transfer bvlc synthetic fetch identities pretrain verify align folds train predict onnx \
    evaluate evaluate.pyz report audit app lint test test-full bench clean
.NOTPARALLEL:

demo: trained_trunk
	$(MAKE) align folds train predict WORK=$(DEMO) DATA=$(DEMO)/data/synthetic \
	    WEIGHTS=$(DEMO)/models/face_verification.caffemodel
	$(MAKE) train predict WORK=$(DEMO) MODELS=$(DEMO)/from_scratch WEIGHTS=
	$(PYTHON) tools/evaluate.py $(DEMO)/models/$(VARIANT) $(DEMO)/from_scratch/$(VARIANT) --compare wmae pcc
	$(PYTHON) tools/plot_curve.py $(DEMO)/models/$(VARIANT) --out $(DEMO)/curve.png
ifneq ($(CAFFE),system)
	$(PYTHON) tools/make_sample.py $(DEMO)/sample.mp4
	$(PYTHON) tools/predict_video.py $(DEMO)/sample.mp4 --model $(DEMO)/models/$(VARIANT) --labels $(DEMO)/sample.csv \
	    --annotate --out $(DEMO)/video
endif

# Of the demo's synthetic people: a slim trunk that tells them apart, and how well it does with others.
trained_trunk: $(SETUP)
	$(MAKE) synthetic DATA=$(DEMO)/data/synthetic
	$(PYTHON) tools/make_people.py $(DEMO)/data/people --people $(PEOPLE) --images $(IMAGES) --jobs $(JOBS)
	$(PYTHON) tools/make_people.py $(DEMO)/data/strangers --people $(STRANGERS) --images 6 --seed 2 --jobs $(JOBS)
	$(MAKE) $(DEMO)/prototxt
	$(MAKE) identities pretrain WORK=$(DEMO) DATA=$(DEMO)/data/people WEIGHTS= PRETRAIN='--batch 64 --settings \
	    "base_lr: 0.05 lr_policy: \"poly\" power: 1 max_iter: $(PRETRAIN_ITERATIONS)"'
	$(MAKE) verify WORK=$(DEMO) DATA=$(DEMO)/data/strangers WEIGHTS=$(DEMO)/models/face_verification.caffemodel

# Does fine-tuning from a trunk help, and what do the losses and the sampling do? On synthetic data, from nothing.
transfer:
	$(MAKE) trained_trunk DEMO=$(TRANSFER) SUBJECTS=$(TRANSFER_SUBJECTS)
	$(MAKE) align folds WORK=$(TRANSFER) DATA=$(TRANSFER)/data/synthetic
	$(CAFFE_PYTHON) tools/transfer.py --folds $(TRANSFER)/data/folds --prototxt $(TRANSFER)/prototxt \
	    --weights $(TRANSFER)/models/face_verification.caffemodel --out $(TRANSFER) --seeds $(SEEDS) --jobs $(JOBS) \
	    --caffe "$(CAFFE_COMMAND)" $(ON_GPU)

bvlc:
	tools/install_bvlc.sh .bvlc

synthetic: $(SETUP)
	$(PYTHON) tools/make_synthetic.py $(DATA) --subjects $(SUBJECTS) --videos 2 --frames $(FRAMES)

$(DEMO)/prototxt: tools/make_slim.py $(wildcard prototxt/*.prototxt prototxt/*/*.prototxt) | $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/make_slim.py $@ --divide 16 --batch 16 \
	    --solver 'base_lr: 0.03 lr_policy: "poly" power: 1 max_iter: $(ITERATIONS) clip_gradients: 5'
	touch $@

# The published weights of models/manifest.json.
fetch: $(SETUP)
	$(PYTHON) tools/fetch_models.py --to $(MODELS)

align: $(SETUP)
	$(PYTHON) tools/align_faces.py $(DATA) --out $(ALIGNED) --jobs $(JOBS)

folds: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/make_folds.py --aligned $(ALIGNED) --out $(FOLDS) --jobs $(JOBS)

pretrain: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/pretrain.py $(WORK)/prototxt/face_verification_solver.prototxt --models $(MODELS) \
	    --identities $(WORK)/data/identities --caffe "$(CAFFE_COMMAND)$(if $(BF16), -bf16)" $(ON_GPU) $(PRETRAIN)

train: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/train.py $(SOLVER) --folds $(FOLDS) --models $(MODELS) $(ONE_FOLD) --jobs $(JOBS) \
	    --caffe "$(CAFFE_COMMAND)$(if $(BF16), -bf16)" $(ON_GPU) $(if $(WEIGHTS),--weights $(WEIGHTS))

predict: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/predict.py $(SOLVER) --folds $(FOLDS) --models $(MODELS) $(ONE_FOLD) $(ON_GPU)

# The folds' nets for programs without Caffe, a .onnx beside each .caffemodel.
onnx: $(SETUP)
	$(PYTHON) tools/export_onnx.py --net $(WORK)/prototxt/pain_regression.prototxt \
	    $(MODELS)/$(VARIANT)/$(if $(FOLD),$(shell printf %02d $(FOLD)),*)-*/pain_iter_*.caffemodel

# Every variant that has predictions.
evaluate: $(SETUP)
	@results=$$(find $(MODELS) -name predictions.csv | sed 's|/[^/]*/[^/]*$$||' | sort -u); \
	    set -x; $(PYTHON) tools/evaluate.py $${results:-$(MODELS)}

# The same results as one HTML file, with tables and figures for a paper.
report: $(SETUP)
	@results=$$(find $(MODELS) -name predictions.csv | sed 's|/[^/]*/[^/]*$$||' | sort -u); \
	    set -x; $(PYTHON) tools/report.py $${results:-$(MODELS)} --out $(REPORT)

# Whether the dataset is what it should be.
audit: $(SETUP)
	$(PYTHON) tools/audit_dataset.py $(DATA) --jobs $(JOBS) $(if $(wildcard $(ALIGNED)/frames.csv),--aligned $(ALIGNED))

# DATA: a folder of images a person.
identities: $(SETUP)
	$(PYTHON) tools/make_identities.py $(DATA) --out $(WORK)/data/identities --jobs $(JOBS)

# DATA: the same with LFW's pairs.txt. WEIGHTS: a caffemodel of prototxt/face_verification.prototxt.
VERIFIED = verification/$(notdir $(abspath $(DATA)))
verify: $(SETUP) $(CAFFE_SETUP)
	$(PYTHON) tools/align_people.py $(DATA) --out $(WORK)/data/$(VERIFIED) --jobs $(JOBS)
	$(CAFFE_PYTHON) tools/verify_faces.py $(DATA) --net $(WORK)/prototxt/face_verification.prototxt --model $(WEIGHTS) \
	    --aligned $(WORK)/data/$(VERIFIED) --out $(MODELS)/$(VERIFIED) $(ON_GPU)

# A page on this machine that gives the curve of any video dropped on it, or of the camera.
SAMPLE = $(WORK)/data/sample.mp4
app: $(SETUP)
	@test -n "$(MODEL)" || { echo "make: no trained model here; make demo, or make train, makes one" >&2; exit 2; }
	test -f $(SAMPLE) || $(PYTHON) tools/make_sample.py $(SAMPLE)
	$(PYTHON) tools/app.py --model $(MODEL) --sample $(SAMPLE) --port $(PORT) $(ON_GPU) $(APP)

# One file to copy and give away: `python evaluate.pyz theirs.csv` scores predictions wherever there is NumPy.
evaluate.pyz: $(SETUP)
	rm -rf $(PYZ).files && mkdir $(PYZ).files
	cp tools/evaluate.py $(PYZ).files/__main__.py
	for file in $$(PYTHONPATH=tools $(PYTHON) -c 'import sys, evaluate; print(*(module.__file__.rpartition("/pain/")[2] \
	        for name, module in sys.modules.items() if name.split(".")[0] == "pain"))'); do \
	    mkdir -p $$(dirname $(PYZ).files/pain/$$file) && cp tools/pain/$$file $(PYZ).files/pain/$$file; done
	$(PYTHON) -m zipapp $(PYZ).files --output $(PYZ) --python '/usr/bin/env python3'
	rm -r $(PYZ).files

# Without genuine Caffe here, the tests that compare with it are skipped and say so.
test: .venv/ready
	-tools/install_bvlc.sh .bvlc
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m pytest -rs -n $(JOBS) --dist loadfile

lint: .venv/ready
	.venv/bin/ruff check tools layers tests

test-full: .venv/ready .bvlc/bin/caffe
	.venv/bin/python -m pytest -rs -m full

# With GPU=0, on that GPU next to plain PyTorch.
BENCH = PYTHONPATH=tools:tests .venv/bin/python tests/bench
bench: .venv/ready .bvlc/bin/caffe
ifeq ($(GPU),)
	$(BENCH)/engine.py
	$(BENCH)/folds.py
	$(BENCH)/video.py
else
	$(BENCH)/gpu.py
endif

clean:
	rm -rf build $(DEMO) $(TRANSFER) $(REPORT) $(PYZ) .venv .bvlc .bvlc.partial .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/ready: constraints.txt pyproject.toml setup.py engine/pyproject.toml
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	    { echo "make: $(PYTHON3) is not Python 3.11 to 3.13; name one: make PYTHON3=python3.12 ..." >&2; exit 2; }
	rm -rf .venv
	$(PYTHON3) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	    --editable ./engine --editable '.[test]'
	touch $@

.bvlc/bin/caffe:
	tools/install_bvlc.sh .bvlc
