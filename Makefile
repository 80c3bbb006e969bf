# From raw video frames to the paper's tables: the order of the steps and their defaults. README.md explains them.
#
#   make demo                     everything below, on synthetic data and a slim net
#   make test                     the tests
#   make fuzz COUNT=1000          damaged files of every format, so many of each, given to the commands that read them
#   make kills                    every step, killed at random moments and started again
#   make lint                     ruff, as ruff.toml has it
#
#   make align folds train predict evaluate       the real thing, DATA being the dataset
#   make train VARIANT=l1_center_l1 FOLD=3 JOBS=4
#   make identities pretrain DATA=faces           a trunk of your own, DATA being a folder a person
#   make verify DATA=data/lfw                     how well a trunk tells people apart
#   make transfer                                 what fine-tuning from a trunk gains, on synthetic data
#   make comparison                               every variant and baseline with several seeds, on synthetic data
#   make app                                      a page for videos, with the trained model or else the demo's

DATA ?= $(if $(filter synthetic,$(MAKECMDGOALS)),data/synthetic,data/unbc)
VARIANT ?= smooth_l1_center_l1_sampling
# One fold's number, or empty for all of them.
FOLD ?=
# How many folds to make, or empty for one a subject: make folds FOLDS=5.
FOLDS ?=
# Processes in align and folds, trainings at a time in train.
JOBS ?= 2
# Where faces are aligned, and nets trained and predicted: here, tcp://host:port of a Dask scheduler, slurm, or ssh:hosts.txt.
WHERE ?= here
# JOBS=auto is for trainings on a GPU; other steps then take what is their own default.
WORKERS = $(if $(filter auto,$(JOBS)),,--jobs $(JOBS))
# The caffemodel to fine-tune from, or empty to train from scratch: caffe-face's, or else what `make pretrain` made.
# rcr_style has no trunk that it could fill.
WEIGHTS ?= $(if $(filter rcr_style,$(VARIANT)),,$(or $(call first,$(call q,$(MODELS)/face_model.caffemodel) $(call q,$(MODELS)/face_verification.caffemodel)), \
    $(MODELS)/face_model.caffemodel))
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
MODEL ?= $(call first,$(call q,$(MODELS)/$(VARIANT)) $(call q,$(DEMO)/models/$(VARIANT)))
PORT ?= 8765
APP ?=

# The demo: its folder, and its size. The trunk learns from the people, and is tested on strangers; subjects have pain.
DEMO ?= demo
PEOPLE ?= 150
STRANGERS ?= 60
IMAGES ?= 16
SUBJECTS ?= 4
FRAMES ?= 60
SAMPLE_SECONDS ?= 12
PRETRAIN_ITERATIONS ?= 600
ITERATIONS ?= 400
# The experiment of `make transfer`: its folder, subjects, and trainings of each kind.
TRANSFER ?= transfer
TRANSFER_SUBJECTS ?= 6
SEEDS ?= 2
# That of `make comparison`, with the same subjects and seeds.
COMPARISON ?= comparison
SEED ?= 1

PYTHON3 ?= python3
PYTHON = .venv/bin/python
SETUP = .venv/ready
ifeq ($(CAFFE),engine)
  CAFFE_PYTHON = $(PYTHON)
  CAFFE_COMMAND = $(call q,$(CURDIR)/.venv/bin/caffe)
  CAFFE_SETUP = $(SETUP)
else ifeq ($(CAFFE),bvlc)
  CAFFE_PYTHON = .bvlc/bin/python
  CAFFE_COMMAND = $(call q,$(CURDIR)/.bvlc/bin/caffe)
  CAFFE_SETUP = .bvlc/bin/caffe
else ifeq ($(CAFFE),system)
  PYTHON = python
  SETUP =
  CAFFE_PYTHON = python
  CAFFE_COMMAND = caffe
else
  $(error CAFFE=$(CAFFE): there is engine, bvlc and system)
endif

# Paths may have blanks in them. A text as one word for the shell; the first of some words that is a path; a target.
q = '$(subst ','\'',$(1))'
first = $(shell for path in $(1); do if test -e "$$path"; then echo "$$path"; break; fi; done)
target = $(subst $(subst ,, ),\ ,$(1))

ALIGNED = $(WORK)/data/aligned
LMDBS = $(WORK)/data/folds
MODELS = $(WORK)/models
SOLVER = $(WORK)/prototxt/solvers/$(VARIANT).prototxt
ONE_FOLD = $(if $(FOLD),--fold $(FOLD))
ON_GPU = $(if $(GPU),--gpu $(GPU))
THERE = --where $(call q,$(WHERE))

.PHONY: demo trained_trunk transfer comparison bvlc synthetic fetch identities pretrain verify align folds train predict osvr \
    facenet2expnet temporal onnx evaluate evaluate.pyz report paper audit app lint test test-full fuzz kills \
    bench clean
.NOTPARALLEL:

# Those that take seconds. OSVR's features are made where faces are aligned.
DEMO_BASELINES = $(if $(filter system,$(CAFFE)),,osvr) temporal
demo: trained_trunk
	$(MAKE) align folds train predict WORK=$(call q,$(DEMO)) DATA=$(call q,$(DEMO)/data/synthetic) \
	    WEIGHTS=$(call q,$(DEMO)/models/face_verification.caffemodel)
	$(MAKE) train predict WORK=$(call q,$(DEMO)) MODELS=$(call q,$(DEMO)/from_scratch) WEIGHTS=
	$(MAKE) $(DEMO_BASELINES) WORK=$(call q,$(DEMO)) TEMPORAL='--settings "max_iter: $(ITERATIONS)"'
	$(PYTHON) tools/evaluate.py $(call q,$(DEMO)/models/$(VARIANT)) $(call q,$(DEMO)/from_scratch/$(VARIANT)) \
	    $(foreach row,$(if $(filter osvr,$(DEMO_BASELINES)),osvr_l1 osvr_l2) temporal_lstm smoothed,$(call q,$(DEMO)/models/$(row))) \
	    --compare wmae pcc
	$(PYTHON) tools/plot_curve.py $(call q,$(DEMO)/models/$(VARIANT)) --out $(call q,$(DEMO)/curve.png)
ifneq ($(CAFFE),system)
	$(PYTHON) tools/make_sample.py $(call q,$(DEMO)/sample.mp4) --seconds $(SAMPLE_SECONDS)
	$(PYTHON) tools/predict_video.py $(call q,$(DEMO)/sample.mp4) --model $(call q,$(DEMO)/models/$(VARIANT)) \
	    --labels $(call q,$(DEMO)/sample.csv) --annotate --overwrite --out $(call q,$(DEMO)/video)
endif

# Of the demo's synthetic people: a slim trunk that tells them apart, and how well it does with others. Its layers are so
# small that a second thread saves a seventh, and beside other busy processes costs half as much again.
trained_trunk: $(SETUP)
	$(MAKE) synthetic DATA=$(call q,$(DEMO)/data/synthetic)
	$(PYTHON) tools/make_people.py $(call q,$(DEMO)/data/people) --people $(PEOPLE) --images $(IMAGES) $(WORKERS)
	$(PYTHON) tools/make_people.py $(call q,$(DEMO)/data/strangers) --people $(STRANGERS) --images 6 --seed 2 \
	    $(WORKERS)
	$(MAKE) $(call q,$(DEMO)/prototxt)
	OMP_NUM_THREADS=1 $(MAKE) identities pretrain WORK=$(call q,$(DEMO)) DATA=$(call q,$(DEMO)/data/people) WEIGHTS= \
	    PRETRAIN='--batch 64 --settings \
	    "base_lr: 0.05 lr_policy: \"poly\" power: 1 max_iter: $(PRETRAIN_ITERATIONS)"'
	$(MAKE) verify WORK=$(call q,$(DEMO)) DATA=$(call q,$(DEMO)/data/strangers) \
	    WEIGHTS=$(call q,$(DEMO)/models/face_verification.caffemodel)

# Does fine-tuning from a trunk help, and what do the losses and the sampling do? On synthetic data, from nothing.
transfer:
	$(MAKE) trained_trunk DEMO=$(call q,$(TRANSFER)) SUBJECTS=$(TRANSFER_SUBJECTS)
	$(MAKE) align folds WORK=$(call q,$(TRANSFER)) DATA=$(call q,$(TRANSFER)/data/synthetic)
	for sweep in starts variants; do \
	    $(CAFFE_PYTHON) tools/sweep.py prototxt/sweeps/$$sweep.yaml --folds $(call q,$(TRANSFER)/data/folds) \
	        --prototxt $(call q,$(TRANSFER)/prototxt) --out $(call q,$(TRANSFER)) --seeds $(SEEDS) --jobs $(JOBS) $(THERE) \
	        --weights $(call q,$(TRANSFER)/models/face_verification.caffemodel) --caffe $(call q,$(CAFFE_COMMAND)) $(ON_GPU) || exit; \
	done

# Every variant and every baseline, as `make paper` has them, once a seed; then all seeds in one table.
comparison:
	$(MAKE) trained_trunk DEMO=$(call q,$(COMPARISON)) SUBJECTS=$(TRANSFER_SUBJECTS)
	+for seed in $$(seq $(SEEDS)); do \
	    of_seed=$(call q,$(COMPARISON)/seed-)$$seed; \
	    $(MAKE) "$$of_seed/prototxt" DEMO="$$of_seed" SEED=$$seed && \
	    $(MAKE) paper WORK="$$of_seed" DATA=$(call q,$(COMPARISON)/data/synthetic) SKIP="audit report" \
	        ALIGNED=$(call q,$(COMPARISON)/data/aligned) LMDBS=$(call q,$(COMPARISON)/data/folds) \
	        WEIGHTS=$(call q,$(COMPARISON)/models/face_verification.caffemodel) \
	        TEMPORAL='--settings "max_iter: $(ITERATIONS)"' || exit; \
	done
	$(PYTHON) tools/compare_seeds.py $(foreach seed,$(shell seq $(SEEDS)),$(call q,$(COMPARISON)/seed-$(seed)/models)) \
	    --out $(call q,$(COMPARISON))

bvlc:
	tools/install_bvlc.sh .bvlc

synthetic: $(SETUP)
	$(PYTHON) tools/make_synthetic.py $(call q,$(DATA)) --subjects $(SUBJECTS) --videos 2 --frames $(FRAMES)

$(call target,$(DEMO)/prototxt): tools/make_slim.py $(wildcard prototxt/*.prototxt prototxt/*/*.prototxt) | $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/make_slim.py $(call q,$@) --divide 16 --batch 16 --seed $(SEED) \
	    --solver 'base_lr: 0.03 lr_policy: "poly" power: 1 max_iter: $(ITERATIONS) clip_gradients: 5'
	touch $(call q,$@)

# The published weights of models/manifest.json.
fetch: $(SETUP)
	$(PYTHON) tools/fetch_models.py --to $(call q,$(MODELS))

align: $(SETUP)
	$(PYTHON) tools/align_faces.py $(call q,$(DATA)) --out $(call q,$(ALIGNED)) $(WORKERS) $(THERE)

folds: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/make_folds.py --aligned $(call q,$(ALIGNED)) --out $(call q,$(LMDBS)) $(WORKERS)$(if $(FOLDS), --folds $(FOLDS))

pretrain: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/pretrain.py $(call q,$(WORK)/prototxt/face_verification_solver.prototxt) \
	    --models $(call q,$(MODELS)) --identities $(call q,$(WORK)/data/identities) \
	    --caffe $(call q,$(CAFFE_COMMAND)$(if $(BF16), -bf16)) $(ON_GPU) $(PRETRAIN)

train: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/train.py $(call q,$(SOLVER)) --folds $(call q,$(LMDBS)) --models $(call q,$(MODELS)) $(ONE_FOLD) \
	    --jobs $(JOBS) $(THERE) \
	    --caffe $(call q,$(CAFFE_COMMAND)$(if $(BF16), -bf16)) $(ON_GPU) $(if $(WEIGHTS),--weights $(call q,$(WEIGHTS)))

predict: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/predict.py $(call q,$(SOLVER)) --folds $(call q,$(LMDBS)) --models $(call q,$(MODELS)) $(ONE_FOLD) $(THERE) $(ON_GPU)

# OSVR-l1 and OSVR-l2 on the same folds. OSVR: more arguments for osvr.py.
OSVR ?=
osvr: $(SETUP)
	$(PYTHON) tools/osvr.py --aligned $(call q,$(ALIGNED)) --folds $(call q,$(LMDBS)) --models $(call q,$(MODELS)) \
	    --cache $(call q,$(WORK)/data/features) $(ONE_FOLD) $(WORKERS) $(THERE) $(OSVR)

# A smaller net that the one of WEIGHTS teaches, trained and predicted.
facenet2expnet: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/facenet2expnet.py --weights $(call q,$(WEIGHTS)) --prototxt $(call q,$(WORK)/prototxt) \
	    --folds $(call q,$(LMDBS)) --models $(call q,$(MODELS)) $(ONE_FOLD) --jobs $(JOBS) $(THERE) \
	    --caffe $(call q,$(CAFFE_COMMAND)$(if $(BF16), -bf16)) $(ON_GPU)

# What the nets of a variant's folds gain from time: an LSTM on their features, and smoothing. TEMPORAL: more arguments.
TEMPORAL ?=
temporal: $(CAFFE_SETUP)
	$(CAFFE_PYTHON) tools/temporal.py $(call q,$(SOLVER)) \
	    --temporal $(call q,$(WORK)/prototxt/temporal_regression_solver.prototxt) --folds $(call q,$(LMDBS)) \
	    --models $(call q,$(MODELS)) $(ONE_FOLD) --jobs $(JOBS) $(THERE) --caffe $(call q,$(CAFFE_COMMAND)) $(ON_GPU) $(TEMPORAL)

# The folds' nets for programs without Caffe, a .onnx beside each .caffemodel.
onnx: $(SETUP)
	$(PYTHON) tools/export_onnx.py --net $(call q,$(WORK)/prototxt/pain_regression.prototxt) \
	    $(call q,$(MODELS)/$(VARIANT))/$(if $(FOLD),$(shell printf %02d $(FOLD)),*)-*/pain_iter_*.caffemodel

# Every variant that has predictions, as the shell's arguments; a sweep's trainings, below seed-N/, are none.
EVERY_RESULT = set -f; IFS=$$(printf '\n_'); IFS=$${IFS%_}; \
    set -- $$(find $(call q,$(MODELS)) -name 'seed-*' -prune -o -name predictions.csv -print | sed 's|/[^/]*/[^/]*$$||' | sort -u); \
    test $$\# -gt 0 || set -- $(call q,$(MODELS)); set -x
evaluate: $(SETUP)
	@$(EVERY_RESULT); $(PYTHON) tools/evaluate.py "$$@"

# The same results, and sweeps, as one HTML file, with tables and figures for a paper.
report: $(SETUP)
	@$(EVERY_RESULT); $(PYTHON) tools/report.py "$$@" --out $(call q,$(REPORT)) \
	    $$(find $(call q,$(MODELS)) -name '*_subjects.csv' | sort | sed 's|^|--sweep=|')

# All of the above on the archive, with a plan first. PLAN=1: only that. ONLY, SKIP: names of steps, as the plan has them.
PLAN ?=
ONLY ?=
SKIP ?=
paper: $(SETUP) $(CAFFE_SETUP)
	+$(CAFFE_PYTHON) tools/paper.py --data $(call q,$(DATA)) --aligned $(call q,$(ALIGNED)) --folds $(call q,$(LMDBS)) \
	    --models $(call q,$(MODELS)) --prototxt $(call q,$(WORK)/prototxt) --report $(call q,$(REPORT)) \
	    $(if $(call first,$(call q,$(WEIGHTS))),--weights $(call q,$(WEIGHTS))) $(if $(FOLDS),--k $(FOLDS)) --only $(call q,$(ONLY)) --skip $(call q,$(SKIP)) \
	    $(if $(PLAN),--plan) --python $(call q,$(CURDIR)/$(PYTHON)) --make $(call q,$(MAKE)) $(WORKERS) \
	    --caffe $(call q,$(CAFFE_COMMAND)$(if $(BF16), -bf16)) $(ON_GPU)

# Whether the dataset is what it should be.
audit: $(SETUP)
	$(PYTHON) tools/audit_dataset.py $(call q,$(DATA)) $(WORKERS) \
	    $(if $(call first,$(call q,$(ALIGNED)/frames.csv)),--aligned $(call q,$(ALIGNED)))

# DATA: a folder of images a person.
identities: $(SETUP)
	$(PYTHON) tools/make_identities.py $(call q,$(DATA)) --out $(call q,$(WORK)/data/identities) $(WORKERS)

# DATA: the same with LFW's pairs.txt. WEIGHTS: a caffemodel of prototxt/face_verification.prototxt.
VERIFIED = verification/$(shell cd $(call q,$(DATA)) 2>/dev/null && basename "$$PWD" || basename $(call q,$(DATA)))
verify: $(SETUP) $(CAFFE_SETUP)
	$(PYTHON) tools/align_people.py $(call q,$(DATA)) --out $(call q,$(WORK)/data/$(VERIFIED)) $(WORKERS)
	$(CAFFE_PYTHON) tools/verify_faces.py $(call q,$(DATA)) \
	    --net $(call q,$(WORK)/prototxt/face_verification.prototxt) --model $(call q,$(WEIGHTS)) \
	    --aligned $(call q,$(WORK)/data/$(VERIFIED)) --out $(call q,$(MODELS)/$(VERIFIED)) $(ON_GPU)

# A page on this machine that gives the curve of any video dropped on it, or of the camera.
SAMPLE = $(WORK)/data/sample.mp4
app: $(SETUP)
	@test -n $(call q,$(MODEL)) || { echo "make: no trained model here; make demo, or make train, makes one" >&2; exit 2; }
	test -f $(call q,$(SAMPLE)) || $(PYTHON) tools/make_sample.py $(call q,$(SAMPLE))
	$(PYTHON) tools/app.py --model $(call q,$(MODEL)) --sample $(call q,$(SAMPLE)) --port $(PORT) $(ON_GPU) $(APP)

# One file to copy and give away: `python evaluate.pyz theirs.csv` scores predictions wherever there is NumPy.
PYZ_FILES = $(call q,$(PYZ).files)
evaluate.pyz: $(SETUP)
	rm -rf $(PYZ_FILES) && mkdir $(PYZ_FILES)
	cp tools/evaluate.py $(PYZ_FILES)/__main__.py
	for file in $$(PYTHONPATH=tools $(PYTHON) -c 'import sys, evaluate; print(*(module.__file__.rpartition("/pain/")[2] \
	        for name, module in sys.modules.items() if name.split(".")[0] == "pain"))'); do \
	    mkdir -p $(PYZ_FILES)/pain/$$(dirname $$file) && cp tools/pain/$$file $(PYZ_FILES)/pain/$$file; done
	$(PYTHON) -m zipapp $(PYZ_FILES) --output $(call q,$(PYZ)) --python '/usr/bin/env python3'
	rm -r $(PYZ_FILES)

# Without genuine Caffe here, the tests that compare with it are skipped and say so. A worker of pytest-xdist that ends
# ends them all: where it is restarted, --dist loadfile waits for ever.
test: .venv/ready
	-tools/install_bvlc.sh .bvlc
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m pytest -rs -n $(JOBS) --dist loadfile --max-worker-restart 0

lint: .venv/ready
	.venv/bin/ruff check tools layers tests engine

test-full: .venv/ready .bvlc/bin/caffe
	.venv/bin/python -m pytest -rs -m full

# COUNT: mutants a format. FUZZ: more arguments, such as --format mat prototxt.
COUNT ?= 1000
FUZZ ?=
fuzz: .venv/ready
	PYTHONPATH=.:tools:tests OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m fuzz --count $(COUNT) $(WORKERS) $(FUZZ)

# KILLS: more arguments, such as --kills 8 --step train.
KILLS ?=
kills: .venv/ready
	PYTHONPATH=.:tools:tests OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m fuzz.kills $(KILLS)

# With GPU=0, on that GPU next to plain PyTorch.
BENCH = PYTHONPATH=tools:tests .venv/bin/python tests/bench
bench: .venv/ready .bvlc/bin/caffe
	$(BENCH)/machine.py
ifeq ($(GPU),)
	$(BENCH)/engine.py
	$(BENCH)/training.py
	$(BENCH)/runtimes.py
	$(BENCH)/small.py
	$(BENCH)/waiting.py
	$(BENCH)/folds.py
	$(BENCH)/video.py
	$(BENCH)/without_avx512.py
else
	$(BENCH)/gpu.py
endif

clean:
	rm -rf build $(call q,$(DEMO)) $(call q,$(TRANSFER)) $(call q,$(COMPARISON)) $(call q,$(REPORT)) $(call q,$(PYZ)) .venv .bvlc .bvlc.partial .pytest_cache .hypothesis
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
