import shared.runtime.quiet_grpc  # noqa: F401 - before anything that imports gRPC
