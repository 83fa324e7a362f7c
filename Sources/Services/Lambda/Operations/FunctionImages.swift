// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import OCI
import Storage

/// Finds container images and pulls them. AWS's place for this is ECR.
struct FunctionImages: Sendable {
    /// Nil where the server was given no place for images.
    let store: ImageStore?

    /// What a function made from `uri` is pinned to. The image's layers are pulled later, while the function is Pending.
    /// Throws InvalidParameterValueException, AccessDeniedException.
    func find(_ uri: String, architecture: String) async throws -> (image: FunctionImage, code: CodePackage) {
        guard let store else {
            throw CommonError.notImplemented("container images on a server without a place for them")
        }
        do {
            let image = try await store.resolve(ImageReference(uri), architecture: architecture)
            guard let address = ContentAddress(hex: image.digest.hex) else {
                throw MartletError("lambda.image", "an image's digest has not 64 digits")
            }
            // AWS counts no code storage for images: they lie in a registry.
            let code = CodePackage(address: address, size: 0, unpackedSize: 0)
            return (FunctionImage(uri: uri, resolved: image.reference.description), code)
        } catch let fault as ImageFault {
            throw fault.serviceError(uri)
        }
    }

    /// The root and what runs in it, pulled first when it is not on this machine. Throws `ImageFault`.
    func execution(of image: FunctionImage, architecture: String) async throws -> ExecutableImage {
        guard let store else { throw ImageFault(.unavailable, "this server has no place for images") }
        let resolved = try await store.resolve(ImageReference(image.resolved), architecture: architecture)
        let root = try await store.root(of: resolved)
        return ExecutableImage(root: root, resolved.configuration, image.overrides)
    }
}

extension ImageFault {
    /// What the caller of CreateFunction gets; AWS's sentences where it has one.
    func serviceError(_ uri: String) -> any ServiceError {
        switch kind {
        case .notFound:
            InvalidParameterValueException("Source image \(uri) does not exist. Provide a valid source image.")
        case .accessDenied:
            CommonError.accessDenied(
                "Lambda does not have permission to access the ECR image. Check the ECR permissions. (\(message))"
            )
        case .unsupported:
            InvalidParameterValueException(
                "The image manifest, config or layer media type for the source image \(uri) is not supported. (\(message))"
            )
        case .badReference, .invalid, .tooLarge, .unavailable:
            InvalidParameterValueException(
                "Source image \(uri) is not valid. Provide a valid source image. (\(message))"
            )
        }
    }
}

extension VersionStatus.Reason {
    /// Why a pull in the background has failed.
    init(_ fault: ImageFault) {
        switch fault.kind {
        case .accessDenied: self.init(code: "ImageAccessDenied", text: fault.message)
        case .notFound: self.init(code: "ImageDeleted", text: fault.message)
        case .unavailable: self.init(code: "InternalError", text: fault.message)
        case .badReference, .invalid, .unsupported, .tooLarge: self.init(code: "InvalidImage", text: fault.message)
        }
    }
}
