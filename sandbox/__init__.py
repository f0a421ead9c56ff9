"""Sandbox for trying and testing: an embedded Slack workspace, cluster and Istio release.

Imports nothing of the bot but `bot.slackrules`, the rules of Slack that both sides must
keep.
"""
