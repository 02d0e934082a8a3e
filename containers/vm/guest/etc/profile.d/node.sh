# Small comforts of a login shell on a node.
alias ll='ls -l --color=auto'
alias ls='ls --color=auto'
alias grep='grep --color=auto'
export EDITOR=nano
export LESS=-R
export SYSTEMD_PAGER=cat
