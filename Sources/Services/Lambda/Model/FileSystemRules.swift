// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Sandbox

/// What AWS demands of FileSystemConfigs beyond the constraints of its model, which allows one.
enum FileSystemRules {
    /// Nil where the list is empty, which is how it is taken away.
    static func mount(_ configs: [FileSystemConfig]) throws -> FileSystemMount? {
        guard let config = configs.first else { return nil }
        guard let arn = ARN(config.arn), arn.service == "elasticfilesystem" else {
            throw CommonError.notImplemented("FileSystemConfigs of Amazon S3 Files")
        }
        // Names that would be the directory itself, or the one above, fit the pattern of the model.
        guard !["/mnt/.", "/mnt/.."].contains(config.localMountPath) else {
            throw InvalidParameterValueException("LocalMountPath \(config.localMountPath) is not valid.")
        }
        return FileSystemMount(arn: arn, localPath: config.localMountPath)
    }

    /// The directories of a host stand for access points, so one that the server's configuration does not name does not exist.
    static func check(_ mount: FileSystemMount?, in scope: Scope, _ folders: HostFolders) throws {
        guard let mount, folders.folder(mount.arn, for: scope) == nil else { return }
        throw InvalidParameterValueException(
            "EFS access point \(mount.arn) does not exist: no --mount of this server names it for this account and region."
        )
    }
}

extension SandboxMount {
    /// What a function's file system is on this host now. Throws EFSMountFailureException.
    init(_ mount: FileSystemMount, for scope: Scope, _ folders: HostFolders) throws {
        guard let folder = folders.folder(mount.arn, for: scope) else {
            throw EFSMountFailureException.because("no --mount of this server names \(mount.arn).")
        }
        // A link to one is as good.
        guard HostPath(folder.path + "/.").isDirectory else {
            throw EFSMountFailureException.because("the directory of \(mount.arn) is not there.")
        }
        self.init(
            source: folder.path,
            target: mount.localPath,
            isReadOnly: folder.isReadOnly,
            writesAsOwner: !folder.isReadOnly
        )
    }
}

extension EFSMountFailureException {
    static func because(_ reason: String) -> EFSMountFailureException {
        EFSMountFailureException(
            "The function couldn't mount the Amazon EFS file system due to a permission or configuration issue: \(reason)"
        )
    }
}
