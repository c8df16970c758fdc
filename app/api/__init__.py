"""The REST API: one package a resource, each with its routes and schemas; what they do lies in plain modules beside."""
