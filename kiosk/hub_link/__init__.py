"""The way to the hub: live client, carriers, forwarder."""
