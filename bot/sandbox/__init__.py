"""The other end of every wire, for trying and testing: an embedded Slack workspace, cluster and Istio release.

Imports nothing of the bot but `bot.slackrules`, the rules of Slack that both ends must hold.
"""
