//! What the programs of an object find around them, whichever of them is linked: externs, maps, and
//! what they attach to.

use std::sync::Arc;

use crate::abi::sections::{SectionMatch, TargetRule};
use crate::abi::{AttachType, ProgType};
use crate::btf::KindFilter;

use super::error::{AttachProblem, ObjectError};
use super::resolve::Resolution;
use super::struct_ops::{self, Slots};
use super::{
    AttachBtf, AttachProgram, Autoload, Initial, LinkOptions, MapSpec, Needs, Object, Origin,
    assign,
};

/// What programs find around them: the same for all of an object.
pub(super) struct Surroundings {
    /// What the externs stand for.
    pub(super) resolution: Resolution,
    /// What struct_ops programs stand in for.
    pub(super) slots: Slots,
    /// The maps, with what the kernel says of them.
    pub(super) maps: Arc<[MapSpec]>,
}

/// What a program attaches to.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// In the kernel's types.
    pub(super) btf: Option<AttachBtf>,
    /// In another program.
    pub(super) program: Option<AttachProgram>,
}

impl Surroundings {
    /// Finds them.
    pub(super) fn new(
        object: &Object,
        options: &LinkOptions<'_>,
    ) -> Result<Surroundings, ObjectError> {
        let resolution = Resolution::new(&object.externs, object.btf.as_deref(), options)?;
        let has_tables = object
            .maps
            .iter()
            .any(|map| matches!(map.origin, Origin::StructOps { .. }));
        let mut surroundings = Surroundings {
            resolution,
            slots: Slots::default(),
            maps: Arc::clone(&object.maps),
        };
        let variables = options.setup.map_or(&[][..], |setup| &setup.variables);
        if object.config_map.is_none() && !has_tables && variables.is_empty() {
            return Ok(surroundings);
        }
        let mut maps = object.maps.to_vec();
        let config = object.config_map.and_then(|map| maps.get_mut(map as usize));
        if let Some(config) = config {
            config.initial = Initial::Data(surroundings.resolution.config.clone());
        }
        for variable in variables {
            assign::assign(&mut maps, object, variable)?;
        }
        if let Some(btf) = object.btf.as_deref().filter(|_| has_tables) {
            let slots = struct_ops::resolve(&mut maps, btf, options.target_btf());
            surroundings.slots = match options.needs {
                Needs::Met | Needs::Unattached => slots?,
                Needs::Listed => slots.unwrap_or_default(),
            };
        }
        surroundings.maps = maps.into();
        Ok(surroundings)
    }

    /// What a program attaches to, where it is looked up when it is loaded.
    pub(super) fn attach(
        &self,
        program: &str,
        section: &SectionMatch<'_>,
        options: &LinkOptions<'_>,
    ) -> Result<Attached, AttachProblem> {
        let given = options.target.map(|target| target.find(section));
        if let Some(found) = given.transpose()?.flatten() {
            return Ok(Attached {
                btf: None,
                program: Some(found),
            });
        }
        let btf = self.attach_to_kernel(program, section, options)?;
        Ok(Attached { btf, program: None })
    }

    fn attach_to_kernel(
        &self,
        program: &str,
        section: &SectionMatch<'_>,
        options: &LinkOptions<'_>,
    ) -> Result<Option<AttachBtf>, AttachProblem> {
        if section.prog_type == ProgType::StructOps {
            let slot = match (self.slots.of(program), self.slots.autoload(program)) {
                (Some(slot), _) => slot,
                // Of a map that is not made either.
                (None, Some(Autoload::No)) => return Ok(None),
                (None, Some(Autoload::Yes) | None) => return Err(AttachProblem::NotReferred),
            };
            return Ok(Some(AttachBtf {
                id: slot.ty,
                member: Some(slot.member),
                module: 0,
            }));
        }
        if section.lacks_target() {
            return Err(AttachProblem::NoTarget);
        }
        if section.target_rule == TargetRule::Program {
            return Err(AttachProblem::NoProgram);
        }
        // As libbpf has it, a module or `vmlinux` may stand before a colon.
        let (owner, function) = match section.attach_target.and_then(|name| name.split_once(':')) {
            Some((owner, function)) => (Some(owner), Some(function)),
            None => (None, section.attach_target),
        };
        let section = SectionMatch {
            attach_target: function,
            ..*section
        };
        let Some(name) = section.btf_name() else {
            return Ok(None);
        };
        let kinds = match section.attach_type {
            Some(AttachType::TraceRawTp) => KindFilter::TYPEDEF,
            _ => KindFilter::FUNC,
        };
        let own = match owner {
            None | Some("vmlinux") => options.target_btf().find(&name, kinds),
            Some(_) => None,
        };
        let modules = match owner {
            Some("vmlinux") => &[],
            Some(_) | None => options.module_btfs,
        };
        let modules = (1..).zip(modules);
        let mut found = own
            .map(|id| (0, id))
            .into_iter()
            .chain(modules.filter_map(|(module, btf)| Some((module, btf.find(&name, kinds)?))));
        let (module, id) = found.next().ok_or(AttachProblem::NotFound { name })?;
        Ok(Some(AttachBtf {
            id,
            member: None,
            module,
        }))
    }
}
